import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { alignerRunner, machineRunner, replay } from '../../test/checkpoint-transcript.ts'

const runners = {
  'aligner.txt': alignerRunner,
  'life-cycle.txt': machineRunner,
  'failures.txt': machineRunner,
  'failover.txt': machineRunner,
  'ids.txt': machineRunner,
}

describe('checkpoint transcripts', () => {
  for (const [name, createRunner] of Object.entries(runners)) {
    test(`${name} happens as it is written`, async () => {
      const path = `${import.meta.dirname}/testdata/${name}`
      await expect(replay(readFileSync(path, 'utf8'), createRunner())).toMatchFileSnapshot(path)
    })
  }
})
