/** Where bids come from: four channels with half of all bids, and ten thousand others. The same in every process, unlike in the original. */
import { EventRandom } from './random.ts'
import { textFrom } from './texts.ts'

export interface Channel {
  readonly name: string
  readonly url: string
}

const HOT_SEED = 0x80000001
const OTHER_SEED = 0x80000002
const HOT_NAMES = ['Google', 'Facebook', 'Baidu', 'Apple']
export const OTHER_CHANNELS = 10_000
/** Of ten other channels nine have an id in their URL. */
const WITHOUT_ID_SHARE = 10

export interface Channels {
  readonly hot: readonly Channel[]
  readonly others: readonly Channel[]
}

let made: Channels | undefined

/** Made once in each thread, when the first bid is. */
export function channels(): Channels {
  made ??= makeChannels()
  return made
}

function makeChannels(): Channels {
  const random = new EventRandom()
  const hot = HOT_NAMES.map((name, index) => {
    random.moveTo(HOT_SEED, index)
    return { name, url: urlFrom(random) }
  })
  const others = Array.from({ length: OTHER_CHANNELS }, (_, index) => {
    random.moveTo(OTHER_SEED, index)
    const url = urlFrom(random)
    const id = random.below(WITHOUT_ID_SHARE) > 0 ? `&channel_id=${Math.abs(reversedBits(index))}` : ''
    return { name: `channel-${index}`, url: url + id }
  })
  return { hot, others }
}

function urlFrom(random: EventRandom): string {
  const parts = [textFrom(random, 5, '_'), textFrom(random, 5, '_'), textFrom(random, 5, '_')]
  return `https://www.nexmark.com/${parts.join('/')}/item.htm?query=1`
}

function reversedBits(value: number): number {
  let reversed = 0
  for (let bit = 0; bit < 32; bit++) reversed = (reversed << 1) | ((value >>> bit) & 1)
  return reversed
}
