/** A random job as data: its parts, how they are connected and distributed, and all of it as text. */
import type { RandomEnd, RandomOperator, RandomSource } from './sim-random-step.ts'

/** How records come to an operator that leaves it to the job. */
export const ROUTES = ['rebalance', 'rescale', 'shuffle', 'global', 'custom', 'forward'] as const

export type Route = (typeof ROUTES)[number]

/** Nothing of it may change a result. */
export interface Hints {
  readonly parallelism?: number
  readonly group?: string
  readonly chaining?: 'head' | 'never'
}

interface AnyStep {
  /** From 1, in the order in which they were drawn; of the ends that every open stream gets, that of the stream and so many thousands more. */
  readonly id: number
  readonly inputs: readonly number[]
  readonly hints: Hints
}

export type RandomStep =
  | (AnyStep & { readonly kind: 'source'; readonly source: RandomSource })
  | (AnyStep & { readonly kind: 'operator'; readonly operator: RandomOperator; readonly route: Route | undefined })
  | (AnyStep & { readonly kind: 'union' })
  | (AnyStep & { readonly kind: 'side' })
  | (AnyStep & { readonly kind: 'end'; readonly end: RandomEnd })

export interface RandomPlan {
  readonly steps: readonly RandomStep[]
  readonly chaining: 'on' | 'off'
}

/** Without some steps, and without everything that needs them. */
export function planWithout(plan: RandomPlan, without: readonly number[]): RandomPlan {
  const gone = new Set(without)
  const steps = plan.steps.filter(({ id, inputs }) => {
    if (inputs.some((input) => gone.has(input))) gone.add(id)
    return !gone.has(id)
  })
  return { ...plan, steps }
}

/** One line for each step: what it reads, what it is, where it runs. */
export function planText({ steps, chaining }: RandomPlan): string {
  const lines = steps.map((step) => {
    const inputs = step.inputs.map((id) => `#${id}`).join(' and ')
    return `#${step.id} = ${[inputs, routeText(step), partText(step)].filter((part) => part !== '').join(' > ')}${hintText(step.hints)}`
  })
  return [...lines, ...(chaining === 'on' ? [] : ['without chains'])].join('\n')
}

function routeText(step: RandomStep): string {
  return step.kind === 'operator' && step.route !== undefined ? step.route : ''
}

function partText(step: RandomStep): string {
  switch (step.kind) {
    case 'source':
      return step.source.text
    case 'operator':
      return step.operator.text
    case 'end':
      return `write ${step.end.text}`
    case 'union':
      return 'union'
    case 'side':
      return 'side output'
  }
}

function hintText({ parallelism, group, chaining }: Hints): string {
  const hints = [
    parallelism === undefined ? '' : `parallelism ${parallelism}`,
    group === undefined ? '' : `group ${group}`,
    chaining === undefined ? '' : `chaining ${chaining}`,
  ].filter((hint) => hint !== '')
  return hints.length === 0 ? '' : ` (${hints.join(', ')})`
}
