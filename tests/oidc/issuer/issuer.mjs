// A real OpenID Connect issuer (node-oidc-provider, certified) for the tests: `node issuer.mjs PORT ACCOUNTS.json CLIENTS.json`, run where it is installed.
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'

import { Provider } from 'oidc-provider'

const [port, accounts, clients] = process.argv.slice(2)
const claims = ['preferred_username', 'name', 'email', 'email_verified', 'groups']
const issuer = `http://127.0.0.1:${port}`
const provider = new Provider(issuer, {
  clients: JSON.parse(readFileSync(clients)),
  claims: { openid: ['sub'], profile: ['preferred_username', 'name'], email: ['email', 'email_verified'], groups: ['groups'] },
  scopes: ['openid', 'profile', 'email', 'groups'],
  cookies: { keys: ['a key of the tests'] },
  pkce: { required: () => true },
  async findAccount(ctx, id) {
    const found = JSON.parse(readFileSync(accounts))[id] ?? {}
    const given = Object.fromEntries(claims.filter((name) => name in found).map((name) => [name, found[name]]))
    return { accountId: id, claims: async () => ({ sub: id, ...given }) }
  },
})
process.stdin.resume().on('end', () => process.exit()) // whoever started it is gone
createServer(provider.callback()).listen(Number(port), '127.0.0.1', () => console.log('ready'))
