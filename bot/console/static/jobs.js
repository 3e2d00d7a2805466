// Checking in sends where the phone is. Without this script, or without a location, a photo does.

const form = document.querySelector("form[data-locate]");
const told = form?.querySelector("[data-told]");

function tell(text) {
  told.textContent = text;
}

function locate() {
  return new Promise((found, failed) => {
    if (!navigator.geolocation) failed(new Error("no geolocation"));
    else navigator.geolocation.getCurrentPosition(found, failed, { enableHighAccuracy: true, timeout: 12000, maximumAge: 30000 });
  });
}

form?.addEventListener("submit", async (event) => {
  if (form.dataset.located) return;
  event.preventDefault();
  const photo = form.querySelector('input[type="file"]');
  const button = form.querySelector("button");
  button.disabled = true;
  tell("Looking where you are …");
  try {
    const { coords } = await locate();
    form.elements.lat.value = coords.latitude;
    form.elements.lng.value = coords.longitude;
  } catch {
    if (!photo.files.length && !form.dataset.proved) {
      tell("Your phone does not tell where you are. Take a photo of the pile, please, then tap again.");
      button.disabled = false;
      photo.focus();
      return;
    }
  }
  form.dataset.located = "yes";
  tell("Sending …");
  form.submit();
});
