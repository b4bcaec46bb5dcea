/**
 * Where the time of a profiled daemon went: the functions of each thread by the time spent in them, not in what they call.
 *
 *     node dist/bench/profile.js DIRECTORY [COUNT]
 */

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** The part of V8's format that is used; times are microseconds. */
interface Profile {
  nodes: {
    id: number
    callFrame: { functionName: string; url: string; lineNumber: number }
  }[]
  samples: number[]
  timeDeltas: number[]
}

const [directory = '.', countText = '40'] = process.argv.slice(2)
for (const name of readdirSync(directory).filter(each => each.endsWith('.cpuprofile'))) {
  const profile = JSON.parse(readFileSync(join(directory, name), 'utf8')) as Profile
  report(name, profile, Number(countText))
}

function report(file: string, { nodes, samples, timeDeltas }: Profile, count: number): void {
  const names = new Map(nodes.map(({ id, callFrame }) => [id, describe(callFrame)]))
  const totals = new Map<string, number>()
  for (const [index, id] of samples.entries()) {
    const name = names.get(id) ?? '?'
    totals.set(name, (totals.get(name) ?? 0) + (timeDeltas[index] ?? 0))
  }
  const idle = totals.get('(idle)') ?? 0
  totals.delete('(idle)')
  const busy = [...totals.values()].reduce((sum, time) => sum + time, 0)

  print(`\n${file}: busy ${(busy / 1e6).toFixed(2)} s, idle ${(idle / 1e6).toFixed(2)} s`)
  const largest = [...totals].sort(([, a], [, b]) => b - a).slice(0, count)
  for (const [name, time] of largest) {
    print(`${((100 * time) / busy).toFixed(1).padStart(6)} %  ${name}`)
  }
}

function describe({
  functionName,
  url,
  lineNumber
}: Profile['nodes'][number]['callFrame']): string {
  const place = url.split('/').slice(-2).join('/')
  return `${functionName === '' ? '(anonymous)' : functionName}  ${place}:${lineNumber + 1}`.replace(
    /^(\(\w[\w ]*\)) {2}:\d+$/,
    '$1'
  )
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
