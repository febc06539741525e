"use strict";
// Photos from the camera: several in a row from its picture on the page, or by the phone's own camera where a page of
// plain HTTP may not have that picture.

/** A button that takes photos; `take` gets each as a list of one file. */
function cameraButton(take) {
  const input = element("input", { type: "file", className: "unseen", accept: "image/*", tabIndex: -1 });
  input.setAttribute("capture", "environment");
  input.ariaHidden = "true";
  input.addEventListener("change", () => {
    const files = [...input.files];
    input.value = "";
    take(files);
  });
  const open = async () => {
    if (!navigator.mediaDevices?.getUserMedia) return input.click();
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment", width: 1_280 } });
      showCamera(stream, take);
    } catch (error) {
      note(cameraProblem(error));
    }
  };
  const button = element("button", { type: "button", className: "plain", id: "camera", onclick: open }, "Camera");
  return [input, button];
}

function cameraProblem(error) {
  if (error.name === "NotFoundError") return "There is no camera here. Choose or drop photos instead.";
  if (error.name === "NotAllowedError")
    return "The browser may not use the camera: allow it beside the address, or choose photos.";
  return `The camera gives no picture (${error.message || error.name}). Choose or drop photos instead.`;
}

function showCamera(stream, take) {
  const video = element("video", { srcObject: stream, autoplay: true, muted: true, playsInline: true });
  video.ariaLabel = "What the camera sees";
  const count = element("p", { className: "quiet", role: "status" }, "");
  let taken = 0;
  const shoot = async () => {
    if (!video.videoWidth) return;
    const canvas = element("canvas", { width: video.videoWidth, height: video.videoHeight });
    canvas.getContext("2d").drawImage(video, 0, 0);
    taken += 1;
    count.textContent = taken === 1 ? "1 photo taken" : `${taken} photos taken`;
    take([await fileOf(canvas, `camera-${taken}.jpg`)]);
  };
  const shutter = element("button", { type: "button", id: "shutter", onclick: shoot }, "Take a photo");
  const done = element("button", { type: "button", className: "plain", onclick: () => dialog.close() }, "Done");
  const row = element("div", { className: "fields" }, shutter, done, count);
  const dialog = element("dialog", { className: "camera", ariaLabel: "Camera" }, video, row);
  dialog.addEventListener("close", () => {
    for (const track of stream.getTracks()) track.stop();
    dialog.remove();
    document.getElementById("camera")?.focus();
  });
  document.body.append(dialog);
  dialog.showModal();
}
