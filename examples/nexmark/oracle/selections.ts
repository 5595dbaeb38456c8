/** Queries that look at one bid at a time. */
import type { Events, Row } from './rows.ts'

export function q0({ bids }: Events): Row[] {
  return bids.map((bid) => ({ ...bid }))
}

export function q1({ bids }: Events): Row[] {
  const rows: Row[] = []
  for (const { auction, bidder, price, dateTime, extra } of bids)
    rows.push({ auction, bidder, price: price * 0.908, dateTime, extra })
  return rows
}

export function q2({ bids }: Events): Row[] {
  const rows: Row[] = []
  for (const { auction, price } of bids) if (auction % 123 === 0) rows.push({ auction, price })
  return rows
}

export function q10({ bids }: Events): Row[] {
  const rows: Row[] = []
  const partitions = new Set<string>()
  for (const { auction, bidder, price, dateTime, extra } of bids) {
    const time = new Date(dateTime).toISOString()
    const partition = `dt=${time.slice(0, 10)}/hm=${time.slice(11, 16)}`
    rows.push({ partition, line: [auction, bidder, price, time, extra].join(',') })
    partitions.add(partition)
  }
  // The success file of each.
  return [...rows, ...[...partitions].map((partition) => ({ partition, line: 'success' }))]
}

export function q13({ bids }: Events): Row[] {
  const rows: Row[] = []
  for (const { auction, bidder, price, dateTime } of bids)
    rows.push({ auction, bidder, price, dateTime, value: String(auction % 10_000) })
  return rows
}

export function q14({ bids }: Events): Row[] {
  const rows: Row[] = []
  for (const { auction, bidder, price: dollars, dateTime, extra } of bids) {
    const price = dollars * 0.908
    if (!(price > 1_000_000 && price < 50_000_000)) continue
    const hour = new Date(dateTime).getUTCHours()
    let bidTimeType = 'otherTime'
    if (hour >= 8 && hour <= 18) bidTimeType = 'dayTime'
    else if (hour <= 6 || hour >= 20) bidTimeType = 'nightTime'
    rows.push({ auction, bidder, price, bidTimeType, dateTime, extra, cCounts: extra.split('c').length - 1 })
  }
  return rows
}

export function q21({ bids }: Events): Row[] {
  const rows: Row[] = []
  for (const { auction, bidder, price, channel, url } of bids) {
    const known = ['Apple', 'Google', 'Facebook', 'Baidu'].indexOf(channel)
    const inUrl = url.split('&').find((part) => part.startsWith('channel_id='))
    if (known >= 0) rows.push({ auction, bidder, price, channel, channelId: String(known) })
    else if (inUrl !== undefined)
      rows.push({ auction, bidder, price, channel, channelId: inUrl.slice('channel_id='.length) })
  }
  return rows
}

export function q22({ bids }: Events): Row[] {
  const rows: Row[] = []
  for (const { auction, bidder, price, channel, url } of bids) {
    const parts = new URL(url).pathname.split('/')
    rows.push({ auction, bidder, price, channel, dir1: parts[1] ?? '', dir2: parts[2] ?? '', dir3: parts[3] ?? '' })
  }
  return rows
}
