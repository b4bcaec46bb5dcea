/**
 * Where the time of a profiled daemon went: the functions of each thread by the time spent in them alone, and beside that
 * with all that they call.
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
    children?: number[]
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
  const parents = new Map(nodes.flatMap(({ id, children = [] }) => children.map(to => [to, id])))
  const own = new Map<string, number>()
  const whole = new Map<string, number>()
  for (const [index, id] of samples.entries()) {
    const time = timeDeltas[index] ?? 0
    add(own, names.get(id) ?? '?', time)
    // A function that is in the stack more than once counts once.
    for (const name of stackOf(id, names, parents)) add(whole, name, time)
  }
  const idle = own.get('(idle)') ?? 0
  own.delete('(idle)')
  const busy = [...own.values()].reduce((sum, time) => sum + time, 0)

  print(`\n${file}: busy ${(busy / 1e6).toFixed(2)} s, idle ${(idle / 1e6).toFixed(2)} s`)
  print(' alone   whole')
  const share = (time: number): string => ((100 * time) / busy).toFixed(1).padStart(6)
  const largest = [...own].sort(([, a], [, b]) => b - a).slice(0, count)
  for (const [name, time] of largest) {
    print(`${share(time)}  ${share(whole.get(name) ?? 0)}  ${name}`)
  }
}

function stackOf(
  id: number,
  names: ReadonlyMap<number, string>,
  parents: ReadonlyMap<number, number>
): Set<string> {
  const stack = new Set<string>()
  for (let at: number | undefined = id; at !== undefined; at = parents.get(at)) {
    stack.add(names.get(at) ?? '?')
  }
  return stack
}

function add(totals: Map<string, number>, name: string, time: number): void {
  totals.set(name, (totals.get(name) ?? 0) + time)
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
