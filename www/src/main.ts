import "./app";

// Offline after the first visit. A page under development must never be answered from yesterday's cache.
if (import.meta.env.PROD && "serviceWorker" in navigator) {
  const worker = new URL("service-worker.js", document.baseURI);
  // `<meta name="isolation" content="off">` keeps the page as its host serves it; see docs/THREADS.md.
  const isolation = document.querySelector<HTMLMetaElement>('meta[name="isolation"]')?.content;
  if (isolation) worker.searchParams.set("isolation", isolation);
  navigator.serviceWorker.register(worker).catch(() => {
    // Refused in some embeds and on plain http: the page then needs the network, which is no news to anyone.
  });
}
