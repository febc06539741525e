// Browsers give no workers to pages that are opened as files. There a hidden frame of the page does their work, so that
// the search works without a server. The theme's search worker needs of a worker: messages both ways, and its script.
if (location.protocol === "file:") {
  const send = window.postMessage;

  window.Worker = class FrameWorker extends EventTarget {
    #frame = document.createElement("iframe");
    #loaded;

    constructor(url) {
      super();
      const script = new URL(url, location.href).href.replace(/&/g, "&amp;").replace(/"/g, "&quot;");
      this.#frame.hidden = true;
      this.#frame.srcdoc =
        "<script>window.postMessage = (data) => parent.postMessage(data, '*')</" +
        `script><script src="${script}"></` +
        "script>";
      this.#loaded = new Promise((done) => this.#frame.addEventListener("load", done, { once: true }));
      window.addEventListener("message", (event) => {
        if (event.source === this.#frame.contentWindow) {
          this.dispatchEvent(new MessageEvent("message", { data: event.data }));
        }
      });
      document.documentElement.append(this.#frame);
    }

    postMessage(data) {
      this.#loaded.then(() => send.call(this.#frame.contentWindow, data, "*"));
    }

    terminate() {
      this.#frame.remove();
    }
  };
}
