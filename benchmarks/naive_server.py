"""The server people write first: FastAPI, a JSON list, `keras.Model.predict`."""

from __future__ import annotations

import os

import keras
import numpy as np
from fastapi import FastAPI
from pydantic import BaseModel

model = keras.models.load_model(os.environ["MODEL"], compile=False)
app = FastAPI()


class Request(BaseModel):
    instances: list[list[list[list[float]]]]


@app.post("/predict")
def predict(request: Request) -> dict[str, list[list[float]]]:
    scores = model.predict(np.array(request.instances, np.float32), verbose=0)
    return {"predictions": scores.tolist()}
