import { canonicalJson, type JsonValue } from '../base/json.ts'
import type { GraphLayout, OperatorLayout } from './job-graph.ts'

const SHOWN_CHARACTERS_MAX = 120

/**
 * What differs between the layout a checkpoint was written with and the one of the program now, one readable line each.
 * Empty when they are equal.
 */
export function diffLayouts(before: GraphLayout, now: GraphLayout): readonly string[] {
  const old = byUid(before)
  const fresh = byUid(now)
  return [
    ...(before.jobName === now.jobName ? [] : [`job name was "${before.jobName}", is "${now.jobName}"`]),
    ...before.operators.filter(({ uid }) => !fresh.has(uid)).map((operator) => `removed: ${describe(operator)}`),
    ...now.operators.filter(({ uid }) => !old.has(uid)).map((operator) => `added: ${describe(operator)}`),
    ...now.operators.flatMap((operator) => diffOperators(old.get(operator.uid), operator)),
  ]
}

function byUid(layout: GraphLayout): ReadonlyMap<string, OperatorLayout> {
  return new Map(layout.operators.map((operator) => [operator.uid, operator]))
}

function diffOperators(before: OperatorLayout | undefined, now: OperatorLayout): string[] {
  if (before === undefined) return []
  if (before.kind !== now.kind) return [`"${now.uid}" was a ${before.kind}, is a ${now.kind}`]
  return [
    ...(before.maxParallelism === now.maxParallelism
      ? []
      : [`"${now.uid}" had max parallelism ${before.maxParallelism}, has ${now.maxParallelism}`]),
    ...diffValues(`"${now.uid}"`, before.layout, now.layout),
    ...diffValues(`inputs of "${now.uid}"`, before.inputs, now.inputs),
  ]
}

/** Goes down as far as both sides are objects, so that the line names the field that changed. */
function diffValues(what: string, before: JsonValue, now: JsonValue): string[] {
  if (canonicalJson(before) === canonicalJson(now)) return []
  if (!isObject(before) || !isObject(now)) return [`${what} was ${shown(before)}, is ${shown(now)}`]
  const names = [...new Set([...Object.keys(before), ...Object.keys(now)])]
  return names.flatMap((name) => diffFields(`${what} ${name}`, before[name], now[name]))
}

function diffFields(what: string, before: JsonValue | undefined, now: JsonValue | undefined): string[] {
  if (before === undefined) return now === undefined ? [] : [`${what} is new: ${shown(now)}`]
  return now === undefined ? [`${what} is gone, was ${shown(before)}`] : diffValues(what, before, now)
}

function isObject(value: JsonValue): value is { readonly [name: string]: JsonValue } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function describe({ uid, kind }: OperatorLayout): string {
  return `${kind} "${uid}"`
}

function shown(value: JsonValue): string {
  const text = canonicalJson(value)
  return text.length <= SHOWN_CHARACTERS_MAX ? text : `${text.slice(0, SHOWN_CHARACTERS_MAX)}…`
}
