/** Reads lines and does, at those that are bad, what a job must not do. */
import { defineJob, param, recordType, valueState, WatermarkStrategy } from 'sluice'
import { textSink, textSource } from 'sluice/files'

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
  mistake: param.choice([
    'function-in-record',
    'instance-in-state',
    'throw-in-timestamp',
    'throw-in-map',
    'throw-in-key',
    'throw-in-process',
    'throw-in-format',
  ]),
}

export default defineJob('refused-values', { params }, (env, { input, output, mistake }) => {
  env.enableCheckpointing('50ms')
  env
    .fromSource(
      textSource(input),
      WatermarkStrategy.forMonotonousTimestamps<string>().withTimestamp(
        (line) => throwAt(line, 'throw-in-timestamp', mistake) ?? 0,
      ),
    )
    .uid('lines')
    .map((line): Item => {
      throwAt(line, 'throw-in-map', mistake)
      return isBad(line) && mistake === 'function-in-record' ? { line, detail: { compute: () => 1 } } : { line }
    })
    .name('itemize')
    .uid('itemize')
    .keyBy(({ line }) => throwAt(line, 'throw-in-key', mistake) ?? line)
    .process({
      emits: recordType<string>(),
      state: { basket: valueState<{ readonly owner: Basket } | number>('basket') },
      onRecord({ line }, ctx) {
        throwAt(line, 'throw-in-process', mistake)
        ctx.state.basket.update(isBad(line) && mistake === 'instance-in-state' ? { owner: new Basket([line]) } : 1)
        ctx.emit(line)
      },
    })
    .name('baskets')
    .uid('baskets')
    .sinkTo(textSink<string>(output, { format: (line) => throwAt(line, 'throw-in-format', mistake) ?? line }))
    .uid('out')
})

function throwAt(line: string, place: string, mistake: string): undefined {
  if (isBad(line) && mistake === place) throw new RangeError(`no ${line}`)
}
