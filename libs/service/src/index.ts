export { addHealthRoutes, listen, serveHealth, type Readiness } from './health.ts'
export { createLogger, LOG_LEVELS, type Logger, type LogLevel } from './logger.ts'
export { createMetrics, type Metrics } from './metrics.ts'
export { createContext, EXIT, runService, type ServiceContext } from './run-service.ts'
