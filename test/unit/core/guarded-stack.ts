/** A stack of one child that sleeps: `guarded-stack.ts DATA_DIR`. Prints the identity of the child. */
import { open } from 'node:fs/promises'
import path from 'node:path'
import { lockDataDir, openGuard, processIdentity } from '@tapedeck/core'

const [dataDir = ''] = process.argv.slice(2)
const guard = openGuard(await lockDataDir(dataDir), {})
const log = await open(path.join(dataDir, 'child.log'), 'a')
const child = await guard.start('/bin/sleep', ['60'], { env: {}, log })
process.stdout.write(`${JSON.stringify(await processIdentity(child.pid))}\n`)
