import "./app";

// Offline after the first visit. A page under development must never be answered from yesterday's cache.
if (import.meta.env.PROD && "serviceWorker" in navigator) {
  navigator.serviceWorker.register(new URL("service-worker.js", document.baseURI)).catch(() => {
    // Refused in some embeds and on plain http: the page then needs the network, which is no news to anyone.
  });
}
