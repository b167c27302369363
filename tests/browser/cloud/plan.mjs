// What Terraform would make, as its own test of the headers plans it (infra/tests/headers.tftest.hcl): nothing is copied by hand.
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { root } from '../stack.mjs'

const run = promisify(execFile)

const plugins = process.env.TERRAFORM_PLUGINS ?? '/opt/tf-plugins'

/** The planned resources: `planned('aws_s3_bucket.main')`. */
export async function readPlan() {
  const terraform = (...args) => run('terraform', [`-chdir=${join(root, 'infra')}`, ...args], { maxBuffer: 256 << 20 })
  await terraform('init', '-backend=false', '-input=false', '-lockfile=readonly', `-plugin-dir=${plugins}`)
  const { stdout } = await terraform('test', '-json', '-verbose', '-filter=tests/headers.tftest.hcl')
  const lines = stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line))
  const plan = lines.find((line) => line.test_plan)?.test_plan
  if (!plan) throw new Error(`Terraform planned nothing:\n${stdout.slice(-4000)}`)
  return (address) => {
    const found = plan.resource_changes.find((change) => change.address === address)
    if (!found) throw new Error(`${address} is not in the plan`)
    return found.change.after
  }
}
