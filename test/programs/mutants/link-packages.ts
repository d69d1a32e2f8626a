/** Links the packages of this checkout in Stryker's copy of it, so that tests load the mutated sources. */
import { mkdirSync, readdirSync, symlinkSync } from 'node:fs'

mkdirSync('node_modules/@tapedeck', { recursive: true })
for (const folder of ['libs', 'services'])
  for (const entry of readdirSync(folder, { withFileTypes: true }))
    if (entry.isDirectory())
      symlinkSync(`../../${folder}/${entry.name}`, `node_modules/@tapedeck/${entry.name}`)
