import { KeyCommand } from '../../src/cli/key-command.ts'

export default class KeyGenerate extends KeyCommand {
  static override summary = 'Print a new master key'
  static override description =
    'For a key that comes from R2D_MASTER_KEY or a command. It is shown here and kept nowhere.'
  static override examples = ['<%= config.bin %> <%= command.id %> | your-secret-store put r2d']

  async run(): Promise<void> {
    await this.parse(KeyGenerate)
    const { generateKey } = await this.offline()
    this.log(generateKey())
  }
}
