import { environmentName } from './option-layers.ts'
import { OPTION_KEYS, optionRow, type OptionKey } from './options.ts'

const INTRODUCTION = `# Options

Every option has one name. A value is taken from the first of these that has it:

1. the command line: \`--checkpoint.interval 5s\`
2. the environment: \`SLUICE__CHECKPOINT__INTERVAL=5s\`
3. the job itself: \`env.set('checkpoint.interval', '5s')\`, \`env.enableCheckpointing('5s')\`
4. the default

Durations are written \`250ms\`, \`30s\`, \`10m\`, \`2h\`, \`1d\`, sizes \`64kb\`, \`32mb\`, \`2gb\`. A misspelt name, a value outside its limits, or two
options that contradict each other stop the start, and all problems are reported at once.

Scopes: **state** is part of what checkpoints hold and cannot change while the state lives; **job** may change at every start of the job;
**process** may differ from machine to machine; **cluster** must be the same for all processes of a cluster.

JobManagers and TaskManagers take their options as \`-D key=value\` or from the environment ([a cluster](cluster.md)). Secrets are no options:
they come from files or from \`SLUICE_SECRET\` and \`SLUICE_TOKEN\`, and are never printed.

This page is generated from \`config/options.ts\`.
`

/** docs/guide/options.md. */
export function optionsPage(): string {
  return [INTRODUCTION, ...OPTION_KEYS.map(section)].join('\n')
}

function section(key: OptionKey): string {
  const row = optionRow(key)
  const facts = [
    `default \`${row.default === '' ? '""' : row.default}\``,
    row.choices === undefined ? row.type : row.choices.map(code).join(' | '),
    ...(row.min === undefined || row.max === undefined ? [] : [`${code(row.min)} to ${code(row.max)}`]),
    ...(row.words === undefined ? [] : [`or ${row.words.map(code).join(', ')}`]),
    `scope ${row.scope}`,
  ]
  const flink = row.flinkKey === undefined ? '' : ` · Flink: ${code(row.flinkKey)}`
  return `## \`${key}\`\n\n${row.doc}\n\n${facts.join(' · ')}\n\n${code(environmentName(key))}${flink}\n`
}

function code(text: string): string {
  return `\`${text}\``
}
