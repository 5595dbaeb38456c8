/**
 * Reads the text format of Prometheus 0.0.4 as strictly as its specification is, so that what we write is checked by something that
 * does not share our code. Anything else is an error that names the line.
 */
import { assert } from '../src/base/assert.ts'

export interface Family {
  readonly name: string
  readonly type: string
  readonly help: string
  readonly samples: readonly ReadSample[]
}

interface ReadSample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

const HELP = /^# HELP ([a-zA-Z_:][a-zA-Z0-9_:]*) (.*)$/
const TYPE = /^# TYPE ([a-zA-Z_:][a-zA-Z0-9_:]*) (counter|gauge|summary|histogram|untyped)$/
const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/s
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\["\\n])*)"(?:,|$)/gsy
const NUMBER = /^(?:[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?|NaN|[+-]Inf)$/

export function parseMetrics(text: string): readonly Family[] {
  assert(text === '' || text.endsWith('\n'), 'the last line has no end')
  const families: { name: string; type: string; help: string; samples: ReadSample[] }[] = []
  const seen = new Set<string>()
  const lines = text.split('\n').slice(0, -1)
  for (let n = 0; n < lines.length; n++) {
    const line = lines[n] ?? ''
    const help = HELP.exec(line)
    if (help !== null) {
      const [, name = '', words = ''] = help
      const [, typed, type = ''] = TYPE.exec(lines[++n] ?? '') ?? []
      assert(typed === name, 'a help line is not followed by the type', { line })
      assert(!families.some((family) => family.name === name), 'a metric comes twice', { name })
      families.push({ name, type, help: unescaped(words), samples: [] })
      continue
    }
    const sample = readSample(line)
    const family = families.at(-1)
    assert(family !== undefined && isOf(family, sample), 'a sample does not follow its metric', { line })
    const key = JSON.stringify([sample.name, Object.entries(sample.labels).sort(([a], [b]) => (a < b ? -1 : 1))])
    assert(!seen.has(key), 'a series comes twice', { line })
    seen.add(key)
    family.samples.push(sample)
  }
  return families
}

function isOf({ name, type }: { readonly name: string; readonly type: string }, sample: ReadSample): boolean {
  if (sample.name === name) return (type === 'summary') === 'quantile' in sample.labels
  return type === 'summary' && (sample.name === `${name}_sum` || sample.name === `${name}_count`)
}

function readSample(line: string): ReadSample {
  const [, name, labels = '', number = ''] = SAMPLE.exec(line) ?? []
  assert(name !== undefined && NUMBER.test(number), 'a line is no sample', { line })
  return { name, labels: readLabels(labels), value: numberOf(number) }
}

function readLabels(text: string): Readonly<Record<string, string>> {
  const labels: Record<string, string> = {}
  let end = 0
  for (const match of text.matchAll(LABEL)) {
    const [whole, name = '', value = ''] = match
    assert(match.index === end && !(name in labels), 'labels are not well formed', { text })
    labels[name] = unescaped(value)
    end += whole.length
  }
  assert(end === text.length, 'there is something behind the labels', { text })
  return labels
}

function unescaped(text: string): string {
  return text.replace(/\\(.)/gs, (_, letter: string) => (letter === 'n' ? '\n' : letter))
}

function numberOf(text: string): number {
  if (text === 'NaN') return NaN
  return text.endsWith('Inf') ? (text.startsWith('-') ? -Infinity : Infinity) : Number(text)
}
