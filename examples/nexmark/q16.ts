/** Q16, channel statistics: the report of q15 for each channel and day, with the minute of its last bid. */
import { recordType, valueState, type DataStream } from 'sluice'
import { REPORT_STATE, reported, type BidFacts, type BidReport } from './bid-report.ts'
import { dayOf, minuteOf } from './calendar.ts'
import { nexmarkJob } from './job.ts'
import { isBid, type Bid, type NexmarkEvent } from './model.ts'

export interface ChannelReport extends BidReport {
  readonly channel: string
  readonly day: string
  readonly minute: string
}

type ChannelBid = BidFacts & Pick<Bid, 'channel'>

export function channelReports(events: DataStream<NexmarkEvent>): DataStream<ChannelReport> {
  return events
    .filter(isBid)
    .map(({ auction, bidder, price, dateTime, channel }): ChannelBid => ({ auction, bidder, price, dateTime, channel }))
    .keyBy((bid) => `${dayOf(bid.dateTime)} ${bid.channel}`)
    .process({
      emits: recordType<ChannelReport>(),
      state: { ...REPORT_STATE, lastMs: valueState<number>('lastMs', 0) },
      onRecord(bid, ctx) {
        const lastMs = Math.max(bid.dateTime, ctx.state.lastMs.value())
        ctx.state.lastMs.update(lastMs)
        const { channel, dateTime } = bid
        ctx.emit({ channel, day: dayOf(dateTime), minute: minuteOf(lastMs), ...reported(bid, ctx.state) })
      },
    })
    .uid('channel-reports')
}

export default nexmarkJob('q16', channelReports)
