/** The part that publish-main.ts publishes, and its tables. */
export const KILLED_PART = { zone: 'refined', name: 'daily', date: '2026-03-10' } as const
export const KILLED_TABLES = ['one', 'two', 'three']
