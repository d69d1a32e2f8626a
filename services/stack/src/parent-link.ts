/**
 * Loaded before every service the stack spawns. A service stops by itself when its channel to the
 * stack breaks, but it cannot hear of that while its modules are still being loaded, and a stop may
 * hang: so this ends the process for good a little later.
 */
const LIMIT_MS = 10_000

process.once('disconnect', () => {
  setTimeout(() => process.exit(1), LIMIT_MS).unref()
})
