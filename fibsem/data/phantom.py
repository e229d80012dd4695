from fibsem.data.phantom_recipe import PhantomRecipe
def simulate(*a,**k): raise NotImplementedError
