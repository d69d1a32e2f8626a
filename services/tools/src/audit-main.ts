import { runCommand } from '@tapedeck/core'
import { AUDIT_USAGE, readAuditArguments } from './reprocess/arguments.ts'
import { runAudit } from './reprocess/audit.ts'
import { readCommandConfig } from './reprocess/command-config.ts'
import { withCommandDatabase } from './reprocess/command-database.ts'

/** `npm run audit -- --date DATE`: exit code 0 no difference, 1 some, 2 cannot begin. */
await runCommand({
  usage: AUDIT_USAGE,
  read: readAuditArguments,
  async run(args, terminal) {
    const config = readCommandConfig(process.env)
    const isClean = await withCommandDatabase(config, (database) =>
      runAudit(args, { config, database, terminal })
    )
    return isClean ? 0 : 1
  }
})
