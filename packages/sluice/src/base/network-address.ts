/** How addresses are written for people and in URLs. */
import type { NetworkAddress } from './env.ts'

/** As it stands in front of a port: addresses of IPv6 have colons of their own. */
export function urlHost(host: string): string {
  return host.includes(':') ? `[${host}]` : host
}

export function addressText({ host, port }: NetworkAddress): string {
  return `${urlHost(host)}:${port}`
}
