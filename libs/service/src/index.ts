export { clientLog } from './client-log.ts'
export { addHealthRoutes, listen, serveHealth, type Readiness } from './health.ts'
export { createLogger, LOG_LEVELS, type Logger, type LogLevel } from './logger.ts'
export { createMetrics, type Metrics } from './metrics.ts'
export { START_LIMIT_MS, startWait, type StartWait } from './start-wait.ts'
export {
  createContext,
  EXIT,
  runService,
  SERVICE_VARIABLES,
  type ServiceContext
} from './run-service.ts'
