import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { optionsPage } from '../packages/sluice/src/config/options-page.ts'
import { ROOT } from './import-graph.ts'

/** `node scripts/node.mjs scripts/options-page.ts`: writes docs/guide/options.md from the option table. */

writeFileSync(join(ROOT, 'docs/guide/options.md'), optionsPage())
