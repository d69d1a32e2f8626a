/** Links the packages of this checkout in Stryker's copy of it, so that tests load the mutated sources. */
import { mkdirSync, readdirSync, symlinkSync } from 'node:fs'

mkdirSync('node_modules/@tapedeck', { recursive: true })
for (const name of readdirSync('libs'))
  symlinkSync(`../../libs/${name}`, `node_modules/@tapedeck/${name}`)
