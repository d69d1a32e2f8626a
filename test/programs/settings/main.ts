/** `npm run settings`: writes docs/configuration.md and .env.example from the variables that are read. */
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { configurationDocument, envExample } from './documents.ts'

const root = path.resolve(import.meta.dirname, '../../..')
writeFileSync(path.join(root, 'docs/configuration.md'), configurationDocument())
writeFileSync(path.join(root, '.env.example'), envExample())
