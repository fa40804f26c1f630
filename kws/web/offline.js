// Keep the page for use without a network, as a service worker: files come from the network where
// there is one, else as they were last.
const CACHE = "kws";
const FILES = [
  "./", "page.css", "page.js", "kws.js", "detector.js", "resampler.js", "worklet.js", "kws.wasm",
  "model.bin",
];
// Nothing else: another page may be served from the same address later.
const KEPT = new Set(FILES.map((name) => new URL(name, self.registration.scope).href));

self.addEventListener("install", (event) =>
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(FILES))));

self.addEventListener("fetch", (event) => {
  const { method, url } = event.request;
  if (method === "GET" && KEPT.has(url)) event.respondWith(answer(event.request));
});

async function answer(request) {
  const cache = await caches.open(CACHE);
  try {
    const response = await fetch(request);
    if (response.ok) await cache.put(request, response.clone());
    return response;
  } catch (error) {
    const kept = await cache.match(request);
    if (kept) return kept;
    throw error;
  }
}
