/**
 * What is said of a command that there is not: the one that is spelled most like it.
 */

import { Errors, type Hook } from '@oclif/core'

/** Of the length of the longer word: what is further apart is not what was meant. */
const distanceShareMax = 0.4

const commandNotFound: Hook.CommandNotFound = function ({ id, config }): Promise<never> {
  const given = id.replaceAll(':', ' ')
  const known = config.commands
    .filter(({ hidden }) => !hidden)
    .flatMap(({ id: name, aliases }) => [name, ...aliases])
    .map(name => name.replaceAll(':', ' '))
  const found = nearest(given, known)
  const hint = found === undefined ? 'See r2d help' : `Did you mean: r2d ${found}`
  process.stderr.write(`r2d: There is no command ${JSON.stringify(given)}\n${hint}\n`)
  throw new Errors.ExitError(2)
}

export default commandNotFound

/** Undefined if none is near. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  let found: { name: string; distance: number } | undefined
  for (const name of known) {
    const distance = editDistance(word, name)
    if (distance > Math.max(word.length, name.length) * distanceShareMax) continue
    if (found === undefined || distance < found.distance) found = { name, distance }
  }
  return found?.name
}

/** Letters to insert, delete or replace (Levenshtein). */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (const [row, letter] of a.split('').entries()) {
    const current = [row + 1]
    for (const [column, other] of b.split('').entries()) {
      const replaced = (previous[column] ?? 0) + (letter === other ? 0 : 1)
      current.push(Math.min(replaced, (previous[column + 1] ?? 0) + 1, (current[column] ?? 0) + 1))
    }
    previous = current
  }
  return previous[b.length] ?? 0
}
