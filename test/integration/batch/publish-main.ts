// Publishes one part of a lake again and again until it is killed: each version has files of one content.
import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { readEnv, text } from '@tapedeck/core'
import { LAKE_LOCATION_VARIABLES, lakeLocation, openLake } from '@tapedeck/lake'
import { KILLED_PART, KILLED_TABLES } from './killed-part.ts'

const shape = { ...LAKE_LOCATION_VARIABLES, TAPEDECK_DATA_DIR: text('./.data') }
const lake = openLake(lakeLocation(readEnv(process.env, shape)))
for (;;) {
  const draft = await lake.begin(KILLED_PART, `run-${process.pid}`, 1)
  const mark = randomBytes(8).toString('hex')
  for (const name of KILLED_TABLES) {
    await writeFile(path.join(draft.folder, name), `${mark}\n`.repeat(2000))
  }
  await lake.publish(draft, {
    run: draft.version,
    attempt: 1,
    code: { version: '0.1.0', sha256: '' },
    inputs: [],
    facts: { mark },
    tables: KILLED_TABLES.map((name) => ({
      name,
      format: 'parquet',
      rows: 2000,
      columns: [],
      extents: {},
      files: [name]
    }))
  })
  process.stdout.write('published\n')
}
