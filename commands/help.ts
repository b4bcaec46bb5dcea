import { Args, Help } from '@oclif/core'
import { R2dCommand } from '../src/cli/r2d-command.ts'

export default class HelpCommand extends R2dCommand {
  static override summary = 'Show what a command does'
  static override examples = [
    '<%= config.bin %> <%= command.id %> cp',
    '<%= config.bin %> <%= command.id %> bucket lifecycle set'
  ]
  static override strict = false
  static override args = {
    command: Args.string({ description: 'Its name; none lists all' })
  }

  async run(): Promise<void> {
    const { argv } = await this.parse(HelpCommand)
    const id = argv.join(':')
    // As if it had been called: what is there in its place is said once, where that is known.
    const isKnown = this.config.findCommand(id) ?? this.config.findTopic(id)
    if (argv.length > 0 && isKnown === undefined) await this.config.runCommand(id)
    await new Help(this.config).showHelp(argv.map(String))
  }
}
