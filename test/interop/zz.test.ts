import { test } from "vitest";
import { createServer, connect } from "node:net";
import tls from "node:tls";
import { issueAuthority, issueServerCertificate } from "/work/main/src/parts/keys/issue-certificate.ts";
test.each(["abort-after", "reject-cert", "fin-before", "rst-before"])("%s", async (how) => {
  const v = { notBefore: Date.now() - 86400000, notAfter: Date.now() + 86400000 };
  const ca = await issueAuthority({ ...v, commonName: "ca" });
  const c = await issueServerCertificate({ ...v, commonName: "x.test", dnsNames: ["x.test"], issuer: ca });
  const t = tls.createServer({ key: c.keyPem, cert: c.certPem, handshakeTimeout: 2000 });
  const k = (s: any) => `${s.remoteAddress}|${s.remotePort}`;
  t.on("secureConnection", (s) => console.log(how, "secureConnection", k(s), s.destroyed));
  t.on("tlsClientError", (e, s) => console.log(how, "tlsClientError", e.message, k(s)));
  const open = new Set<any>();
  const server = createServer((s) => {
 open.add(s); s.on("close", () => open.delete(s));
    console.log(how, "conn", k(s));
    s.on("error", (e) => console.log(how, "raw error", e.message));
    s.on("close", () => console.log(how, "raw close", k(s)));
    s.write("220\r\n"); 
    const onR = () => { const c = s.read(); if (c === null) return; s.off("readable", onR); console.log(how, "read", String(c), s.readableFlowing, s.isPaused()); s.write("go\r\n"); t.emit("connection", s); };
    s.on("readable", onR);
  }).listen(0, "127.0.0.1");
  await new Promise((r) => server.once("listening", r));
  const raw = connect((server.address() as any).port, "127.0.0.1");
  raw.on("error", () => {});
  await new Promise((r) => raw.once("data", r));
  raw.write("STARTTLS\r\n");
  await new Promise((r) => raw.once("data", r));
  if (how === "fin-before") raw.end();
  else if (how === "rst-before") raw.resetAndDestroy();
  else {
    const s = tls.connect({ socket: raw, servername: "x.test", rejectUnauthorized: how === "reject-cert", ...(how === "reject-cert" ? {} : { ca: ca.certPem }) });
    s.on("error", (e) => console.log(how, "client error", e.message));
    if (how === "abort-after") s.once("secureConnect", () => s.destroy());
  }
  await new Promise((r) => setTimeout(r, 2500));
  console.log(how, "end", [...open].map((x: any) => [x.destroyed, x.readableEnded, x.readableFlowing]));
  server.close();
}, 20000);
