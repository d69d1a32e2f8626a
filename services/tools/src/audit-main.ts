import { runCommand } from '@tapedeck/core'
import { auditCommand, runAudit } from './audit/audit.ts'
import { readDatabaseConfig, withDatabase } from './command/config.ts'

/** `npm run audit -- --date DATE`: exit code 0 no difference, 1 some, 2 cannot begin. */
await runCommand({
  ...auditCommand,
  async run(args, terminal) {
    const config = readDatabaseConfig(process.env)
    const isClean = await withDatabase(config, (database) =>
      runAudit(args, config.rules, database, terminal)
    )
    return isClean ? 0 : 1
  }
})
