import { runCommand, stopSignal } from '@tapedeck/core'
import { readDatabaseConfig, withDatabase } from './command/config.ts'
import { exportCommand, runExport } from './history/export.ts'

/** `npm run export -- --symbol A --from T --to T --out FILE`: exit code 0 done, 1 not all of it, 2 cannot begin. */
await runCommand({
  ...exportCommand,
  async run(args, terminal) {
    const stopped = stopSignal()
    await withDatabase(readDatabaseConfig(process.env), (database) =>
      runExport(args, database, terminal, stopped)
    )
    return 0
  }
})
