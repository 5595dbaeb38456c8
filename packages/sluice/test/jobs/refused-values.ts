/** Reads lines and does, at those that are bad, what a job must not do. */
import { defineJob, param, recordType, valueState } from 'sluice'
import { jsonLinesSink, textSource } from 'sluice/files'

class Basket {
  readonly items: readonly string[]

  constructor(items: readonly string[]) {
    this.items = items
  }
}

interface Item {
  readonly line: string
  readonly detail?: { readonly compute: () => number }
}

function isBad(line: string): boolean {
  return line.startsWith('bad')
}

const params = {
  input: param.path(),
  output: param.path(),
  mistake: param.choice(['function-in-record', 'instance-in-state', 'throw-in-map', 'throw-in-process']),
}

export default defineJob('refused-values', { params }, (env, { input, output, mistake }) => {
  env.enableCheckpointing('50ms')
  env
    .fromSource(textSource(input))
    .uid('lines')
    .map((line): Item => {
      if (isBad(line) && mistake === 'throw-in-map') throw new RangeError('a bad line')
      return isBad(line) && mistake === 'function-in-record' ? { line, detail: { compute: () => 1 } } : { line }
    })
    .name('itemize')
    .uid('itemize')
    .keyBy(({ line }) => line)
    .process({
      emits: recordType<string>(),
      state: { basket: valueState<{ readonly owner: Basket } | number>('basket') },
      onRecord({ line }, ctx) {
        if (isBad(line) && mistake === 'throw-in-process') throw new RangeError('a bad item')
        ctx.state.basket.update(isBad(line) && mistake === 'instance-in-state' ? { owner: new Basket([line]) } : 1)
        ctx.emit(line)
      },
    })
    .name('baskets')
    .uid('baskets')
    .sinkTo(jsonLinesSink(output))
    .uid('out')
})
