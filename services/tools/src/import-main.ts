import { runCommand, stopSignal } from '@tapedeck/core'
import { readDatabaseConfig, readTopicConfig, reachBroker, withDatabase } from './command/config.ts'
import { importCommand, runImport } from './history/import.ts'
import { surveyFile } from './history/survey.ts'

/** `npm run import -- FILE`: exit code 0 done, 1 some rows are no trades, 2 cannot begin. */
await runCommand({
  ...importCommand,
  async run(args, terminal) {
    const stopped = stopSignal()
    const survey = await surveyFile(args, terminal)
    if (args.isDryRun) return survey.badRows === 0 ? 0 : 1
    const config = readDatabaseConfig(process.env)
    const topic = readTopicConfig(process.env)
    await reachBroker(topic)
    await withDatabase(config, (database) =>
      runImport(
        args,
        survey,
        { database, kafka: topic.kafka, rules: config.rules },
        terminal,
        stopped
      )
    )
    return survey.badRows === 0 ? 0 : 1
  }
})
