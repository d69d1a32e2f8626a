import assert from 'node:assert/strict'
import { tradingDateAt } from '@tapedeck/domain'
import type { KafkaConfig } from '@tapedeck/kafka'
import { openDatabase } from '@tapedeck/mongo'
import { checkTrades } from '../../programs/chaos/check-trades.ts'
import { Findings } from '../../programs/chaos/findings.ts'
import { readTopicTruth } from '../../programs/chaos/topic-truth.ts'
import { eventually } from '../../support/eventually.ts'
import { databaseConfig } from '../../support/own-database.ts'
import { runTool } from '../tools/run-tool.ts'
import type { StackProcess } from './stack-process.ts'

/**
 * Every trade of the topic is stored once, and the audit finds every bar as its trades make it. The feed must be
 * still, so that this can become true.
 * @returns how many trades there are
 */
export async function assertConsistent(
  { output }: Pick<StackProcess, 'output'>,
  symbols: readonly string[]
): Promise<number> {
  const brokers = /^ +Kafka +\d+ +(\S+)/m.exec(output())?.[1] ?? ''
  const uri = /^ +MongoDB +\d+ +(\S+)/m.exec(output())?.[1] ?? ''
  const kafka: KafkaConfig = { brokers: [brokers], topic: 'raw_data', ssl: false, sasl: undefined }
  const database = await openDatabase(databaseConfig(uri, 'tapedeck'))
  try {
    const trades = await eventually(
      async () => {
        const truth = await readTopicTruth(kafka)
        const findings = new Findings()
        await checkTrades(database, truth.trades, findings)
        assert.deepEqual(findings.shown, [])
        return truth.trades.length
      },
      { everyMs: 1000 }
    )
    for (const symbol of symbols) {
      const { tradeDate } = tradingDateAt(symbol, Date.now())
      const env = { MONGODB_URI: uri }
      const audit = await runTool('audit', env, '--date', tradeDate, '--symbols', symbol)
      assert.equal(audit.code, 0, audit.output)
    }
    return trades
  } finally {
    await database.close()
  }
}
