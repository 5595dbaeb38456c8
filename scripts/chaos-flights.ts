/** The flights job of the examples, again and again while the faults strike; at the end each run is compared with the batch computation. */
import { join } from 'node:path'
import { batchFlightDelays } from '../examples/flight-delays/batch.ts'
import { checkLines } from './chaos-output.ts'
import type { CheckedJob } from './chaos-report.ts'

export interface FlightsRun {
  readonly output: string
  readonly input: string
}

const FLIGHTS = 'node_modules/vega-datasets/data/flights-3m.parquet'

export class FlightsRounds {
  readonly #folder: string
  /** Resolves when the job has finished. */
  readonly #runJob: (run: FlightsRun) => Promise<void>
  readonly #outputs: string[] = []
  #isOver = false
  #running: Promise<void> | undefined

  constructor(folder: string, runJob: (run: FlightsRun) => Promise<void>) {
    this.#folder = folder
    this.#runJob = runJob
  }

  /** `onFailed`: no further run is started. */
  start(onFailed: (thrown: unknown) => void): void {
    this.#running = this.#run().catch(onFailed)
  }

  /** The run that is under way is the last one. */
  async end(): Promise<readonly CheckedJob[]> {
    this.#isOver = true
    await this.#running
    const expected = await batchFlightDelays(FLIGHTS)
    const checked: CheckedJob[] = []
    for (const [index, output] of this.#outputs.entries()) {
      checked.push({ job: `flights job (run ${index + 1})`, ...(await checkLines(output, expected)) })
    }
    return checked
  }

  async #run(): Promise<void> {
    while (!this.#isOver) {
      const output = join(this.#folder, `flights-${this.#outputs.length + 1}`)
      await this.#runJob({ output, input: join(process.cwd(), FLIGHTS) })
      this.#outputs.push(output)
    }
  }
}
