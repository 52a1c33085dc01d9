// Keeps a process of Node.js on this machine: node --require ./guard.cjs …
//
// Spotlight tells its makers of itself, which a run for a picture must not.

const dns = require("node:dns");
const { Server, Socket } = require("node:net");

const LOOPBACK = new Set(["127.0.0.1", "::1", "localhost"]);

function refused(host) {
  return Object.assign(new Error(`the guard lets nothing out to ${host}`), { code: "ECONNREFUSED" });
}

const { connect } = Socket.prototype;
Socket.prototype.connect = function (...given) {
  const [options] = Array.isArray(given[0]) ? given[0] : given;
  const isPort = typeof options !== "object" && Number.isInteger(Number(options));
  const host = isPort ? given[1] : (options?.host ?? (options?.port && "localhost"));
  if (typeof host === "string" && !LOOPBACK.has(host)) {
    process.nextTick(() => this.destroy(refused(host)));
    return this;
  }
  return connect.apply(this, given);
};

const { lookup } = dns;
dns.lookup = function (host, ...rest) {
  if (LOOPBACK.has(host)) return lookup.call(this, host, ...rest);
  process.nextTick(rest.at(-1), refused(host));
};

const { listen } = Server.prototype;
Server.prototype.listen = function (port, _host, ...rest) {
  return listen.call(this, port, "127.0.0.1", ...rest);
};
