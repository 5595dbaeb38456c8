/** Q22, directories of URLs. */
import type { DataStream } from 'sluice'
import { nexmarkJob } from './job.ts'
import { isBid, type NexmarkEvent } from './model.ts'

export interface BidWithDirectories {
  readonly auction: number
  readonly bidder: number
  readonly price: number
  readonly channel: string
  readonly dir1: string
  readonly dir2: string
  readonly dir3: string
}

export function urlDirectories(events: DataStream<NexmarkEvent>): DataStream<BidWithDirectories> {
  return events.filter(isBid).map(({ auction, bidder, price, channel, url }) => {
    const [, , , dir1 = '', dir2 = '', dir3 = ''] = url.split('/', 6)
    return { auction, bidder, price, channel, dir1, dir2, dir3 }
  })
}

export default nexmarkJob('q22', urlDirectories)
