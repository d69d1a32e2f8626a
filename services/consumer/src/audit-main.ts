import { AUDIT_USAGE, failureOf, readAuditArguments } from './reprocess/arguments.ts'
import { runAudit } from './reprocess/audit.ts'
import { readCommandConfig } from './reprocess/command-config.ts'
import { openCommandDatabase } from './reprocess/command-database.ts'
import { processScreen } from './reprocess/screen.ts'

/** `npm run audit -- --date DATE`: exit code 0 no difference, 1 some, 2 cannot begin. */
const write = (text: string): void => void process.stdout.write(text)
const writeError = (text: string): void => void process.stderr.write(text)
try {
  const args = readAuditArguments(process.argv.slice(2))
  if (args === 'help') write(AUDIT_USAGE)
  else {
    const config = readCommandConfig(process.env)
    const database = await openCommandDatabase(config)
    try {
      const screen = processScreen(write, writeError, Date.now)
      process.exitCode = (await runAudit(args, { config, database, screen })) ? 0 : 1
    } finally {
      await database.close()
    }
  }
} catch (error) {
  const { text, code } = failureOf(error)
  writeError(text)
  process.exitCode = code
}
