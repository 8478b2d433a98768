# %% tools
import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

# %% what the notebook defines, replaced
from viz import PlotStuff, plot_error_surfaces

# %%
torch.manual_seed(0)


# %% the data
class Data(Dataset):
    def __init__(self):
        self.x = torch.arange(-1, 1, 0.1).view(-1, 1)
        self.y = (self.x > 0.2).type(torch.FloatTensor)
        self.len = self.x.shape[0]

    def __getitem__(self, index):
        return self.x[index], self.y[index]

    def __len__(self):
        return self.len


data_set = Data()

# %% the surface, before there is a model; corrected, as data_set[:, 0] and data_set[:, 1] don't run
get_surface = plot_error_surfaces(15, 13, data_set[:][0], data_set[:][1], 30, loss="mse")


# %% the model
class logistic_regression(nn.Module):
    def __init__(self, n_inputs):
        super().__init__()
        self.linear = nn.Linear(n_inputs, 1)

    def forward(self, x):
        return torch.sigmoid(self.linear(x))


model = logistic_regression(1)
model.state_dict()["linear.weight"].data[0] = torch.tensor([[-5.0]])
model.state_dict()["linear.bias"].data[0] = torch.tensor([[-10.0]])

# %% before training
PlotStuff(data_set.x, data_set.y, model, 0, leg=False)


# %% the cost
def criterion(yhat, y):
    return torch.mean((y - yhat) ** 2)


trainloader = DataLoader(dataset=data_set, batch_size=3)
optimizer = torch.optim.SGD(model.parameters(), lr=2)

# %% training, in one cell with the curves of some epochs
for epoch in range(100):
    for x, y in trainloader:
        loss = criterion(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        get_surface.set_para_loss(model, loss)
    if epoch % 20 == 0:
        PlotStuff(data_set.x, data_set.y, model, epoch)
        get_surface.plot_ps()
plt.ylabel("y")

# %% the path, and the losses as the tensors that they are
plt.figure()
get_surface.final_plot()
plt.plot(get_surface.LOSS)
plt.xlabel("Epoch/Iterations")
plt.ylabel("Cost")
plt.tight_layout()

# %% the accuracy; corrected, as the mean of a ByteTensor doesn't run
label = model(data_set.x) > 0.5
accuracy = torch.mean((label == data_set[:][1]).type(torch.float))
print("The accuracy:", accuracy)
