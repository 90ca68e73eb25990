/** The web server of the demo that serves MTA-STS policies (RFC 8461 section 3.3), for every domain it is given, on a free loopback port. */
import { createServer } from "node:https";
import { createSecureContext } from "node:tls";
import type { SecureContext } from "node:tls";
import type { Internet } from "../loopback/internet.ts";

const PATH = "/.well-known/mta-sts.txt";
const MAX_AGE_SECONDS = 86_400;
export const POLICY_ID = "20260101T000000";

export type PolicyHost = { readonly port: number; readonly close: () => Promise<void> };

/** `servers`: the mail server that the policy of each domain names. */
export async function startPolicyHost(
  servers: Readonly<Record<string, string>>,
  { issue }: Pick<Internet, "issue">,
): Promise<PolicyHost> {
  const contexts = new Map<string, SecureContext>(
    await Promise.all(
      Object.keys(servers).map(async (domain) => {
        const { certPem, keyPem } = await issue(`mta-sts.${domain}`);
        return [`mta-sts.${domain}`, createSecureContext({ cert: certPem, key: keyPem })] as const;
      }),
    ),
  );
  const server = createServer({ SNICallback: (name, done) => done(null, contexts.get(name)) }, (request, response) => {
    const mx = servers[(request.headers.host ?? "").replace(/^mta-sts\./, "").replace(/:\d+$/, "")];
    const isPolicy = mx !== undefined && request.url === PATH;
    response.writeHead(isPolicy ? 200 : 404, { "content-type": "text/plain" });
    response.end(
      isPolicy ? ["version: STSv1", "mode: enforce", `mx: ${mx}`, `max_age: ${MAX_AGE_SECONDS}`, ""].join("\r\n") : "",
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: "127.0.0.1", port: 0 }, resolve);
  });
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : 0,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
