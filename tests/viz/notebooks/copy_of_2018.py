# %% tools
import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader

# %% what the notebook defines, replaced; the data set too, of which data_set[:, 0] runs
from logreg import LabData
from viz import PlotStuff, plot_error_surfaces

# %%
torch.manual_seed(0)
data_set = LabData()
trainloader = DataLoader(dataset=data_set, batch_size=3)
model = nn.Sequential(nn.Linear(1, 1), nn.Sigmoid())
criterion = nn.BCELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=2)

# %%
get_surface = plot_error_surfaces(15, 13, data_set[:, 0], data_set[:, 1])

# %% training, recorded and drawn in every epoch
COST = []
for epoch in range(8):
    total = 0
    for x, y in trainloader:
        yhat = model(x)
        loss = criterion(yhat, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    COST.append(total)
    get_surface.get_stuff(model, total)
    get_surface.plot_ps()
    print("epoch", epoch, "cost", total)

# %%
get_surface.final_plot()
plt.tight_layout()
plt.subplot(121)
plt.plot(COST)
plt.subplot(122)
plt.plot(np.array(get_surface.W), np.array(get_surface.B), "x")
plt.tight_layout()

# %%
PlotStuff(data_set.x, data_set.y, model, epoch, False)

# %% the accuracy; corrected, as the mean of a ByteTensor doesn't run
label = model(data_set.x) > 0.5
accuracy = torch.mean((label == data_set[:, 1]).type(torch.float))
print("The accuracy:", accuracy)
