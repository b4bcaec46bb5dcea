/**
 * The log on a terminal: a line of JSON as a line for people.
 */

/** Fields that a person who watches one daemon does not need. */
const left = new Set(['level', 'time', 'pid', 'msg'])

const levels: Record<number, string> = {
  20: 'debug',
  30: 'info',
  40: 'warn',
  50: 'error',
  60: 'fatal'
}

/** A destination for pino. */
export function terminalLog(out: { write: (text: string) => unknown }): {
  write: (line: string) => void
} {
  return {
    write: line => {
      out.write(formatLine(line))
    }
  }
}

export function formatLine(line: string): string {
  const fields = JSON.parse(line) as { level: number; time: number; msg?: string }
  const rest = Object.entries(fields).filter(([name]) => !left.has(name))
  const detail = rest.map(([name, value]: [string, unknown]) => {
    return ` ${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`
  })
  const time = new Date(fields.time).toTimeString().slice(0, 8)

  return `${time} ${(levels[fields.level] ?? 'info').padEnd(5)} ${fields.msg ?? ''}${detail.join('')}\n`
}
