/** Q21, channel ids: of the four great channels by name, of the others from the URL; bids without one are left out. */
import type { DataStream } from 'sluice'
import { nexmarkJob } from './job.ts'
import { isBid, type NexmarkEvent } from './model.ts'

const KNOWN_IDS: ReadonlyMap<string, string> = new Map([
  ['apple', '0'],
  ['google', '1'],
  ['facebook', '2'],
  ['baidu', '3'],
])
const ID_IN_URL = /(?:&|^)channel_id=([^&]*)/

export interface BidWithChannelId {
  readonly auction: number
  readonly bidder: number
  readonly price: number
  readonly channel: string
  readonly channelId: string
}

export function channelIds(events: DataStream<NexmarkEvent>): DataStream<BidWithChannelId> {
  return events.filter(isBid).flatMap<BidWithChannelId>(({ auction, bidder, price, channel, url }, out) => {
    const channelId = KNOWN_IDS.get(channel.toLowerCase()) ?? ID_IN_URL.exec(url)?.[1]
    if (channelId !== undefined) out({ auction, bidder, price, channel, channelId })
  })
}

export default nexmarkJob('q21', channelIds)
