/** `sluice options`: the option table. */
import type { LineOutput } from '../cluster/line-output.ts'
import { environmentName } from '../config/option-layers.ts'
import { OPTION_KEYS, optionRow, type OptionKey } from '../config/options.ts'
import type { OutputForm } from './arguments.ts'
import { table } from './progress-text.ts'

export function optionsCommand(form: OutputForm, stdout: LineOutput): void {
  if (form === 'json') {
    const rows = OPTION_KEYS.map((key) => ({ key, environment: environmentName(key), ...optionRow(key) }))
    return stdout.writeLine(JSON.stringify(rows, undefined, 2))
  }
  for (const line of table([['OPTION', 'DEFAULT', 'VALUES', 'MEANING'], ...OPTION_KEYS.map(rowOf)]))
    stdout.writeLine(line)
}

function rowOf(key: OptionKey): readonly string[] {
  const { type, choices, words = [], min, max, default: byDefault, doc } = optionRow(key)
  const limits = min === undefined || max === undefined ? '' : ` ${min} to ${max}`
  const values = choices === undefined ? [`${type}${limits}`, ...words] : choices
  return [key, byDefault === '' ? '""' : byDefault, values.join(' | '), doc]
}
