import type { NetworkAddress } from '../base/env.ts'

const LOOPBACK: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '::1'])
const EVERY_ADDRESS: ReadonlySet<string> = new Set(['0.0.0.0', '::'])

/** The machine that an address names, seen from the machine `here`. */
export function machineOf(address: NetworkAddress, here: string): string {
  return LOOPBACK.has(address.host) ? here : address.host
}

/** Whether a process of the machine may listen there. */
export function isOwnAddress(address: NetworkAddress, here: string): boolean {
  return EVERY_ADDRESS.has(address.host) || machineOf(address, here) === here
}

/** First of the ports given out for port 0. */
export const FREE_PORT_FIRST = 49_152

export function portKey(machine: string, port: number): string {
  return `${machine}:${port}`
}
